/** An output for text. A terminal is marked as such, with its width. */
export interface TextOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** The number of bytes that are buffered until they can be written. */
  readonly writableLength?: number;
}

/** A source of text. A terminal can be switched to raw mode, which does not echo the input. */
export interface TextInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** The parts of the process that a command may use. */
export interface CommandIo {
  /** The path of the command's own script. */
  readonly script: string;
  readonly stdin: TextInput;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly env: NodeJS.ProcessEnv;
}
