import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { directoryOf, documentPath } from '../../../../src/stores/file/document-path.js';
import { FileStore } from '../../../../src/stores/file/file-store.js';
import { numberedName, VERSIONS } from '../../../../src/stores/file/numbered-files.js';

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'file-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openStore(directory: string): FileStore {
  const store = new FileStore(directory);
  onTestFinished(() => store.close());
  return store;
}

export function placeOf(root: string, id: string): string {
  return directoryOf(root, documentPath(id));
}

export function versionFile(root: string, id: string, version: number): string {
  return join(placeOf(root, id), numberedName(VERSIONS, version));
}

/** Every file and directory below `directory`, as paths from there. */
export async function everythingIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}
