"""Statistics over a tidy DataFrame of ratings and an analysis plan.

::

    from rater.analysis import analyze, plan_for, read

    frame = read("ratings.csv", rater="who", prompt="question", arm="model", answer="stars")
    analysis = analyze(frame, plan_for(frame, contrast=("steered", "unsteered")))
    print(analysis.dimensions[0].headline)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
