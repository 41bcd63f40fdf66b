"""TFX components of this project. Import each from its own module, so that a light one stays light."""
