import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** The reason why there is no browser to test with; `undefined` when there is one. */
export const NO_BROWSER: string | undefined = existsSync(EXECUTABLE)
  ? undefined
  : `there is no Chromium at ${EXECUTABLE}; CHROMIUM may name another place`;

/**
 * Launches a browser.
 *
 * @param localNames - names that lead to this machine.
 */
export function launchBrowser(localNames: readonly string[] = []): Promise<Browser> {
  if (NO_BROWSER !== undefined) throw new Error(NO_BROWSER);
  const rules = localNames.map((name) => `MAP ${name} 127.0.0.1`).join(', ');
  const args = ['--no-sandbox', ...(rules === '' ? [] : [`--host-resolver-rules=${rules}`])];
  return chromium.launch({ executablePath: EXECUTABLE, args });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Returns the problems that axe-core finds on the page as it is, a line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>('axe.run(document)');
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}
