# The public API: `ofa_tf/__init__.py` makes each of these names available when it is first used.
from .base.errors import InputError as InputError
from .base.plugins import load_plugins as load_plugins
from .devices.opening import open_device as open_device
from .latency.latency_model import LatencyModel as LatencyModel
from .latency.latency_table import LatencyTable as LatencyTable
from .networks.calibration import calibrate_batch_norm as calibrate_batch_norm
from .networks.channel_sorting import sort_channels as sort_channels
from .networks.extraction import extract_subnet as extract_subnet
from .networks.saving import load_subnet as load_subnet
from .networks.saving import load_supernet as load_supernet
from .networks.saving import save_subnet as save_subnet
from .networks.saving import save_supernet as save_supernet
from .networks.subnet import build_subnet as build_subnet
from .networks.supernet import Supernet as Supernet
from .networks.supernet import build_supernet as build_supernet
from .search.accuracy_table import AccuracyTable as AccuracyTable
from .search.constraints import Limits as Limits
from .search.evolution import EvolutionSettings as EvolutionSettings
from .space.arch import Arch as Arch
from .space.blocks.stage import Stage as Stage
from .space.costs import num_macs as num_macs
from .space.costs import num_params as num_params
from .space.presets import get_search_space as get_search_space
from .space.presets import list_search_spaces as list_search_spaces
from .space.presets import register_search_space as register_search_space
from .space.search_space import SearchSpace as SearchSpace
from .tflite.conversion.keras_to_tflite import to_tflite as to_tflite
from .tflite.conversion.options import ExportOptions as ExportOptions
from .tflite.litert.elastic_model import ElasticModel as ElasticModel
from .tflite.litert.interpreter import TFLiteModel as TFLiteModel
from .training.config import PhaseConfig as PhaseConfig
from .training.config import TrainConfig as TrainConfig
from .training.phases import select_phases as select_phases
from .training.progressive_shrinking import train as train
from .workflow.finetuning import FinetuneSettings as FinetuneSettings
from .workflow.latency_settings import LatencyTableSettings as LatencyTableSettings
from .workflow.run import Run as Run
from .workflow.run import open_run as open_run
from .workflow.search import SearchSettings as SearchSettings

__version__: str
__all__: list[str]
