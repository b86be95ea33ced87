import type { CommandCall } from '../args/command.js';
import { readServeOptions } from '../args/read-serve-options.js';
import { STORE } from '../args/serve-flags.js';
import { hideStoreArgument } from '../serve/secret-argument.js';
import { serve } from '../serve/serve.js';

export function serveCommand({ options, io }: CommandCall): Promise<number> {
  const read = readServeOptions(options);
  hideStoreArgument(options.given(STORE), read.store, io);
  return serve(read, io);
}
