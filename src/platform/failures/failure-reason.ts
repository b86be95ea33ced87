import { isError } from '../../core/primitives/foreign-objects.js';
import { describeKind } from '../../core/primitives/redact.js';

/** Returns why something has failed, for the end of a report. Of a value that is no error only the kind is shown. */
export function failureReason(error: unknown): string {
  return isError(error) ? error.message : `${describeKind(error)} was thrown`;
}
