"""How much memory the GPUs of this machine have free."""


def free_gpu_bytes() -> tuple[int, ...]:
    """Bytes free on each GPU that this process may use, in CUDA's order; none without a GPU."""
    import torch  # takes seconds: only for whoever asks

    if not torch.cuda.is_available():
        return ()
    return tuple(int(torch.cuda.mem_get_info(i)[0]) for i in range(torch.cuda.device_count()))
