import type { SqlDialect } from '../../stores/sql/index.js';
import type { CommandCall } from '../args/command.js';
import { assertInstalled } from '../databases/installed-package.js';
import { findKysely } from '../databases/kysely.js';
import { asUsage, UsageError } from '../failures/usage-error.js';

const DIALECTS: ReadonlyMap<string, SqlDialect> = new Map([
  ['postgres', 'postgres'],
  ['postgresql', 'postgres'],
  ['mysql', 'mysql'],
  ['mariadb', 'mysql'],
  ['sqlite', 'sqlite'],
]);

/** Prints the statements that create the table, for a server that may not create it itself. */
export async function ddl({ operands, io }: CommandCall): Promise<number> {
  const [name = '', table] = operands;
  const dialect = DIALECTS.get(name);
  if (dialect === undefined) throw new UsageError(`ddl needs one of ${[...DIALECTS.keys()].join(', ')}`);
  assertInstalled('ddl', [['kysely']]);
  findKysely();
  const { tableDefinition } = await import('../../stores/sql/index.js');
  io.stdout.write(asUsage(() => tableDefinition(dialect, table)));
  return 0;
}
