"""hilum: chest films into answers one can trust. Not a medical device."""

__version__ = "0.1.0"
