import type { CommandCall } from '../command.js';
import { readServeOptions } from '../read-serve-options.js';
import { serve } from '../serve/serve.js';

export function serveCommand({ options, io }: CommandCall): Promise<number> {
  return serve(readServeOptions(options), io);
}
