import type { CommandCall } from '../args/command.js';
import { readServeOptions } from '../args/read-serve-options.js';
import type { ServeOptions } from '../args/serve-options.js';
import { sayWhyNot } from '../serve/processes/to-primary.js';
import { isWorker } from '../serve/processes/worker-environment.js';
import { hideSecretArguments } from '../serve/secret-argument.js';
import { serve } from '../serve/serve.js';

export async function serveCommand({ options, io }: CommandCall): Promise<number> {
  let read: ServeOptions;
  try {
    read = readServeOptions(options);
  } catch (error) {
    // The options were right when the primary process read them, but a file that they name may be gone since.
    if (!isWorker(io.env)) throw error;
    await sayWhyNot(error);
    return 1;
  }
  hideSecretArguments(options, read, io);
  return serve(read, io);
}
