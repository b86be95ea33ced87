/** Somewhere to write text to; a terminal says so, and how wide it is. */
export interface TextOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** The number of bytes that wait in memory until they can be written. */
  readonly writableLength?: number;
}

/** A source of text; a terminal can be asked not to show what is typed. */
export interface TextInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** The parts of its process that a command may use. */
export interface CommandIo {
  /** The file of the command itself. */
  readonly script: string;
  readonly stdin: TextInput;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly env: NodeJS.ProcessEnv;
}
