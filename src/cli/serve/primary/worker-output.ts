import type { Readable } from 'node:stream';

/** A longer line is passed on in parts. */
const LONGEST_LINE = 65_536;

/** The destination of the lines of a process that answers: the streams of the process that listens may be those of a host. */
export interface WorkerOutput {
  out(line: string): void;
  err(line: string): void;
}

/** Passes on what a process writes, line by line, so that lines of several processes never mix. */
export function passLines(stream: Readable | null, pass: (line: string) => void): void {
  let rest = '';
  // A pipe that breaks has nothing more to say, and what it carried matters to no caller.
  stream?.on('error', () => {});
  stream?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) pass(line);
    if (rest.length <= LONGEST_LINE) return;
    pass(rest);
    rest = '';
  });
  stream?.on('end', () => {
    if (rest !== '') pass(rest);
  });
}
