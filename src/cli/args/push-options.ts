import type { OptionSpec } from './option.js';

export const AUTHORIZER_TASK: OptionSpec = {
  name: 'authorizer-task',
  value: 'type',
  many: true,
  variable: true,
  help: 'a type of task that an account gets when it authorizes a platform (authorizer_access_token)',
};
export const NO_RELEASE_CHECK: OptionSpec = {
  name: 'no-release-check',
  variable: true,
  help: "does not answer WeChat's check of a platform before its release",
};
export const FORWARD_FILE: OptionSpec = {
  name: 'forward-file',
  value: 'file',
  variable: true,
  help: 'contains the rules by which pushes are forwarded, as JSON: {"rules":[{"msgType":"text","url":"https://..."}]}',
};

/** The options of the command `serve` for WeChat's pushes. */
export const PUSH_OPTIONS: readonly OptionSpec[] = [AUTHORIZER_TASK, NO_RELEASE_CHECK, FORWARD_FILE];
