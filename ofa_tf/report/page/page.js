/* Draws the figures of the report and moves along a front. The data stand beside each figure, as JSON. */
(() => {
  "use strict";

  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  // A finger that scrolls the page must not be caught by a figure.
  const isTouched = window.matchMedia("(pointer: coarse)").matches;
  const config = { displayModeBar: false, responsive: true };
  const figures = new Map();

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /** A figure's own layout with what all have in common, in the colors of the scheme. */
  function completeLayout(own) {
    const axis = { gridcolor: color("--line"), zeroline: false, automargin: true, linecolor: color("--line") };
    return {
      ...own,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: color("--text"), family: "system-ui, sans-serif", size: 13 },
      hoverlabel: { bgcolor: color("--raised"), bordercolor: color("--line"), font: { color: color("--text") } },
      hovermode: "closest",
      dragmode: isTouched ? false : "zoom",
      margin: { l: 10, r: 10, t: 30, b: 10 },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left" },
      xaxis: { ...axis, ...own.xaxis },
      yaxis: { ...axis, ...own.yaxis },
    };
  }

  function draw(place) {
    const figure = figures.get(place);
    figure.isDrawn = true;
    Plotly.newPlot(place, figure.data, completeLayout(figure.layout), config);
    place.on("plotly_click", (event) => chooseInFigure(place, event.points[0]));
  }

  /** Draws what is not drawn yet; a figure of a group that is hidden has no size to be drawn in. */
  function drawAll() {
    for (const [place, figure] of figures) {
      if (!figure.isDrawn && place.offsetWidth > 0) {
        draw(place);
      }
    }
  }

  // Figures are drawn when they are about to be seen, so that the first one is there at once.
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting && !figures.get(entry.target).isDrawn) {
          draw(entry.target);
        }
      }
    },
    { rootMargin: "50% 0px" },
  );

  function redrawInScheme() {
    for (const [place, figure] of figures) {
      if (figure.isDrawn) {
        Plotly.react(place, figure.data, completeLayout(figure.layout), config);
      }
    }
  }

  /** Shows the subnet that the slider of a group stands at. */
  function showSubnet(group) {
    const slider = group.querySelector(".budget");
    const index = Number(slider.value);
    const panels = group.querySelectorAll(".panel");
    panels.forEach((panel, number) => {
      panel.hidden = number !== index;
    });
    const { budget, spoken } = panels[index].dataset;
    group.querySelector("output").textContent = budget;
    slider.setAttribute("aria-valuetext", spoken);
    markInFigure(group.querySelector(".plot"), index);
  }

  function markInFigure(place, index) {
    const figure = figures.get(place);
    if (figure === undefined) {
      return; // Nothing is known that could be drawn.
    }
    const mark = figure.data.findIndex((trace) => trace.meta === "selected");
    const { x, y } = figure.selectable;
    figure.data[mark].x = [x[index]];
    figure.data[mark].y = [y[index]];
    if (figure.isDrawn) {
      Plotly.restyle(place, { x: [[x[index]]], y: [[y[index]]] }, [mark]);
    }
  }

  /** A point that is clicked moves the slider to its subnet. */
  function chooseInFigure(place, point) {
    const group = place.closest(".group");
    if (group === null || point.data.meta !== "subnets") {
      return;
    }
    group.querySelector(".budget").value = point.pointNumber;
    showSubnet(group);
  }

  function showGroup(number) {
    document.querySelectorAll(".group").forEach((group, index) => {
      group.hidden = index !== number;
    });
  }

  document.querySelectorAll(".plot").forEach((place) => {
    const data = place.parentElement.querySelector(".plot-data");
    figures.set(place, { ...JSON.parse(data.textContent), isDrawn: false });
    watcher.observe(place);
  });
  document.querySelectorAll(".group").forEach((group) => {
    group.querySelector(".budget").addEventListener("input", () => showSubnet(group));
    showSubnet(group);
  });
  const selector = document.getElementById("group");
  if (selector !== null) {
    selector.addEventListener("change", () => showGroup(Number(selector.value)));
  }
  scheme.addEventListener("change", redrawInScheme);
  window.addEventListener("beforeprint", drawAll);
})();
