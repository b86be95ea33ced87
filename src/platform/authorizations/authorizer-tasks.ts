import { mapMembers } from '../../core/primitives/assert-options.js';
import { describeName } from '../../core/primitives/redact.js';

/** The types of a platform, of a user and of an app of its own. An account that authorizes a platform has no token of them. */
const OF_OTHERS: readonly string[] = [
  'access_token',
  'component_access_token',
  'component_verify_ticket',
  'oauth2_access_token',
];

/**
 * Checks the option `authorizerTasks`, and returns a copy of it without repetitions.
 *
 * @throws TypeError for a value that is no array, or has a member that is no type of the manager, or none of an authorizer.
 */
export function checkedAuthorizerTasks(
  manager: { hasType(type: string): boolean },
  types: unknown,
): readonly string[] | undefined {
  if (types === undefined) return undefined;
  const checked = mapMembers(types, 'authorizerTasks', (type) => {
    if (typeof type !== 'string' || !manager.hasType(type)) {
      throw new TypeError(`authorizerTasks must be types of the manager, got ${describeName(type)}`);
    }
    if (!OF_OTHERS.includes(type)) return type;
    throw new TypeError(`authorizerTasks must not name ${type}: the token of an authorizer is authorizer_access_token`);
  });
  return [...new Set(checked)];
}
