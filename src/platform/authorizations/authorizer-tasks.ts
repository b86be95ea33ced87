import { mapMembers } from '../../core/primitives/assert-options.js';
import { describeName } from '../../core/primitives/redact.js';

/**
 * Checks the option `authorizerTasks`, and returns a copy of it without repetitions.
 *
 * @throws TypeError for a value that is no array, or has a member that is no type of the manager.
 */
export function checkedAuthorizerTasks(
  manager: { hasType(type: string): boolean },
  types: unknown,
): readonly string[] | undefined {
  if (types === undefined) return undefined;
  const checked = mapMembers(types, 'authorizerTasks', (type) => {
    if (typeof type === 'string' && manager.hasType(type)) return type;
    throw new TypeError(`authorizerTasks must be types of the manager, got ${describeName(type)}`);
  });
  return [...new Set(checked)];
}
