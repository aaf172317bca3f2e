from ofa_tf.pretrained.published import PublishedResult, published_results


def test_published_results_say_what_their_names_say_and_where_they_are_from() -> None:
    by_name = {result.name: result for result in published_results()}
    assert len(by_name) == len(published_results()) == 35
    largest = by_name["flops@595M_top1@80.0_finetune@75"]
    assert (largest.top1, largest.num_macs, largest.device, largest.finetune_epochs) == (0.8, 595_000_000, None, 75)
    phone = by_name["LG-G8_lat@24ms_top1@76.4_finetune@25"]
    assert (phone.top1, phone.num_macs, phone.device, phone.latency_ms) == (0.764, None, "LG-G8", 24.0)
    assert all(isinstance(result, PublishedResult) and result.source for result in by_name.values())
