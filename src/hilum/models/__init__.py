"""Backbones, heads, start weights, and the bundle that training hands over."""

from hilum.models.backbone import BACKBONES, Backbone, get_backbone
from hilum.models.bundle import Bundle, digest_of, load_bundle, reseal_bundle, write_bundle
from hilum.models.film_model import FilmModel, build_model, evaluation_mode
from hilum.models.head import HEADS, get_head
from hilum.models.section import ModelSection
from hilum.models.start_weights import StartReport, load_start_weights

__all__ = [
    "BACKBONES",
    "HEADS",
    "Backbone",
    "Bundle",
    "FilmModel",
    "ModelSection",
    "StartReport",
    "build_model",
    "digest_of",
    "evaluation_mode",
    "get_backbone",
    "get_head",
    "load_bundle",
    "load_start_weights",
    "reseal_bundle",
    "write_bundle",
]
