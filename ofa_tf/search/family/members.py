"""Which subnets of a front serve all budgets best, if there can only be a few."""

import numpy as np


def pick_members(values: np.ndarray, reference: np.ndarray, num_members: int) -> np.ndarray:
    """Choose the points of a front with two objectives whose hypervolume is the largest.

    With the objectives loss and logarithm of the cost, the hypervolume is the accuracy, above the reference's, of the
    best member that a budget allows, summed up over all budgets.

    The points are tried from the costliest to the cheapest. What is best of those up to a point, with that point as the
    cheapest member, follows from what is best with one member less: dynamic programming, exact, in n^2 steps a member.

    Args:
        values: `(n, 2)`, smaller is better: ascending in the second, descending in the first.
        reference: `(2,)`, a point that is worse in both.
        num_members: How many, at most.

    Returns:
        Ascending indices of the members, `(m,)`.

    Reference: Auger et al., "Theory of the hypervolume indicator", FOGA 2009, section 1, for the sum of boxes.
    """
    num_points = len(values)
    num_members = min(num_members, num_points)
    gains = np.maximum(reference[0] - values[:, 0], 0.0)
    costs = np.minimum(values[:, 1], reference[1])

    # Row i of a table: of the best choice whose cheapest member is point i.
    best = gains * (reference[1] - costs)
    followers = []  # who comes next in that choice, a row for each number of members
    for _ in range(num_members - 1):
        # Point i alone serves the budgets between its own cost and that of the next member.
        extended = gains[:, np.newaxis] * (costs - costs[:, np.newaxis]) + best
        may_follow = np.triu(np.ones((num_points, num_points), bool), k=1)
        extended = np.where(may_follow, extended, -np.inf)
        follower = extended.argmax(axis=1)
        followers.append(follower)
        best = extended.max(axis=1)

    member = int(best.argmax())
    members = [member]
    for follower in reversed(followers):
        member = int(follower[member])
        members.append(member)
    return np.array(members)
