from .classifiers import classifier as classifier
from .classifiers import embedding_distance as embedding_distance
from .judge import judge as judge
from .metric import FunctionMetric as FunctionMetric
from .metric import Measured as Measured
from .metric import Metric as Metric
from .metric import Shown as Shown
from .metric import TextMetric as TextMetric
from .metric_columns import measure as measure
from .text_metrics import count_of as count_of
from .text_metrics import text_metrics as text_metrics

__all__: list[str]
