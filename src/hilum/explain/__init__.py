"""Why a finding was called: heat maps in the film's own coordinates, and pictures of them."""

from hilum.explain.explainer import EXPLAINERS, Explainer, get_explainer
from hilum.explain.film import explain_image
from hilum.explain.picture import overlay

__all__ = ["EXPLAINERS", "Explainer", "explain_image", "get_explainer", "overlay"]
