"""A program that classifies images with MediaPipe Tasks, for `apps.py`; it runs where MediaPipe is installed.

    python run_mediapipe.py MODEL IMAGES.npy

The images are uint8, of shape `(n, height, width, 3)`. Prints JSON: for each image the categories, as `[index, name,
score]`, the best first; or `{"error": ...}` where MediaPipe refuses the model.
"""

import json
import sys

import mediapipe
import numpy as np


def main() -> None:
    model_path, images_path = sys.argv[1:]
    vision = mediapipe.tasks.vision
    options = vision.ImageClassifierOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=model_path),
        max_results=-1,
    )
    try:
        classifier = vision.ImageClassifier.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        print(json.dumps({"error": str(error)}))
        return
    results = []
    for pixels in np.load(images_path):
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        (head,) = classifier.classify(image).classifications
        results.append([[entry.index, entry.category_name, entry.score] for entry in head.categories])
    print(json.dumps(results))


main()
