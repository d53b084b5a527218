"""How well found boundaries agree with true ones."""


def within(point, boundary, tolerance):
    """Whether a frame number is where a true boundary is, give or take `tolerance` frames."""
    return boundary["start"] - tolerance <= point <= boundary["end"] + tolerance - (boundary["kind"] != "cut")


def overlaps(found, true, tolerance):
    """Whether a found boundary is a true one.

    Of a cut the frame counts at which the new shot begins. Of a gradual transition the spans must overlap; what was found as
    a single frame must lie in it.
    """
    if true["kind"] == "cut":
        return abs(found["frame"] - true["start"]) <= tolerance
    if found["start"] == found["end"]:
        return within(found["start"], true, tolerance)
    return found["start"] < true["end"] + tolerance and true["start"] < found["end"] + tolerance


def match(found, true, tolerance):
    """Pairs of found and true boundaries, each in one pair at most; both are in order."""
    pairs, free = [], list(found)
    for boundary in true:
        near = [candidate for candidate in free if overlaps(candidate, boundary, tolerance)]
        if near:
            middle = (boundary["start"] + boundary["end"]) / 2
            best = min(near, key=lambda candidate: abs(candidate["frame"] - middle))
            free.remove(best)
            pairs.append((best, boundary))
    return pairs


def figures(found, true, tolerance):
    """Precision, recall and F1."""
    hits = len(match(found, true, tolerance))
    precision, recall = hits / max(len(found), 1), hits / max(len(true), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def agreement(found, true):
    """Of matched gradual transitions: the mean share of frames in both spans, and the share whose kind is right."""
    pairs = [(a, b) for a, b in match(found, true, 1) if b["kind"] != "cut" and a["end"] > a["start"]]
    if not pairs:
        return 0.0, 0.0
    shares = []
    for a, b in pairs:
        both = max(0, min(a["end"], b["end"]) - max(a["start"], b["start"]))
        shares.append(both / (max(a["end"], b["end"]) - min(a["start"], b["start"])))
    return sum(shares) / len(shares), sum(a.get("kind") == b["kind"] for a, b in pairs) / len(pairs)
