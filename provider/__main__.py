"""Started by the engine."""

import gc

if __name__ == "__main__":
    # Before anything is loaded: by default the collector goes through all that has been loaded dozens of times.
    gc.set_threshold(100_000, 50, 50)

    from provider.server import main

    main()
