"""`create_pipeline`: the nodes of the pipeline and what flows between them."""

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, SqliteMetadataSourceConfig
from tfx import v1 as tfx
from tfx.v1.types.standard_artifacts import Model, ModelBlessing

from tfx_pipeline.components.anomaly_gate import AnomalyGate
from tfx_pipeline.components.atomic_pusher import AtomicPusher
from tfx_pipeline.components.interactions_example_gen import InteractionsExampleGen
from tfx_pipeline.components.request_schema import RequestSchema
from tfx_pipeline.components.serving_check import ServingCheck
from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.evaluation import extractors
from tfx_pipeline.evaluation.gates import eval_config
from tfx_pipeline.fingerprints import UNKNOWN, Fingerprints
from tfx_pipeline.schema import checked_columns, request_schema


def create_pipeline(
    config: PipelineConfig, *, fingerprints: Fingerprints = UNKNOWN, baseline: bool = True
) -> tfx.dsl.Pipeline:
    """Returns the pipeline from raw events to a pushed model. A pure function: nothing is read or written.

        InteractionsExampleGen → StatisticsGen → ExampleValidator → AnomalyGate ┐
                    RequestSchema ──────┴──────────────┘                        ↓
        AtomicPusher ← ServingCheck ← Evaluator (← LatestBlessedModel) ← Trainer ← Transform

    Args:
        config: what it is told.
        fingerprints: of data and code; where one changes, what depends on it is made anew.
        baseline: whether the model is also compared with the latest blessed one. Kubeflow's compiler has no Resolver.
    """
    spec = config.spec.model_dump(mode="json")
    example_gen = InteractionsExampleGen(
        data_dir=str(config.data_dir),
        spec=config.spec.model_dump_json(),
        config=config.requests.model_dump_json(),
        input_fingerprint=fingerprints.requests,
    )
    examples = example_gen.outputs["examples"]
    request_schema_node = RequestSchema(
        text=text_format.MessageToString(request_schema(config.spec, config.requests)),
    )
    schema = request_schema_node.outputs["schema"]
    statistics_gen = tfx.components.StatisticsGen(
        examples=examples, stats_options=tfdv.StatsOptions(feature_allowlist=checked_columns(config.spec))
    )
    validator = tfx.components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    anomaly_gate = AnomalyGate(anomalies=validator.outputs["anomalies"])
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="tfx_pipeline.preprocessing.preprocessing_fn",
        custom_config={
            "spec": spec,
            "min_count": {feature: config.vocabulary.threshold(feature) for feature in config.spec.categoricals},
            "code": fingerprints.model,
        },
        materialize=False,
        disable_analyzer_cache=True,
        disable_statistics=True,
    )
    transform.add_upstream_node(anomaly_gate)
    trainer = tfx.components.Trainer(
        examples=examples,
        schema=schema,
        transform_graph=transform.outputs["transform_graph"],
        run_fn="tfx_pipeline.training.run.run_fn",
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=config.training.steps),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
        custom_config={
            "spec": spec,
            "requests": config.requests.model_dump(mode="json"),
            "training": config.training.model_dump(mode="json"),
            "code": fingerprints.model,
        },
    )
    model = trainer.outputs["model"]
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=Model),
        model_blessing=tfx.dsl.Channel(type=ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs["model"] if baseline else None,
        schema=schema,
        example_splits=["test"],
        eval_config=eval_config(config.gates),
        module_path=extractors.__name__,
    )
    serving_check = ServingCheck(model=model, model_run=trainer.outputs["model_run"])
    pusher = AtomicPusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_check.outputs["blessing"],
        push_destination=str(config.serving_dir),
    )
    nodes = [
        example_gen,
        request_schema_node,
        statistics_gen,
        validator,
        anomaly_gate,
        transform,
        trainer,
        *([resolver] if baseline else []),
        evaluator,
        serving_check,
        pusher,
    ]
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(config.pipeline_root),
        components=nodes,
        enable_cache=True,
        # TFX's own helper would make the directory, here, where the pipeline is only described.
        metadata_connection_config=ConnectionConfig(
            sqlite=SqliteMetadataSourceConfig(
                filename_uri=str(config.metadata_path), connection_mode=SqliteMetadataSourceConfig.READWRITE_OPENCREATE
            )
        ),
        beam_pipeline_args=list(config.beam_args),
    )
