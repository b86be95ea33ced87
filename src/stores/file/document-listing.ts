import type { StoredDocument } from '../../core/model/store.js';
import { DocumentDirectory } from './document-directory.js';
import { comparePaths, directoryOf, isContainerName, isDocumentName, type Path, prefixPaths } from './document-path.js';
import { readNames } from './numbered-files.js';

type Documents = AsyncGenerator<StoredDocument, void, undefined>;

/** The number of entries of a directory that are read ahead. */
const LOOKAHEAD = 4;

/** A listener that is called after each entry, even if it contains no document any more. */
type Progressed = () => void;

/** Yields the documents at and below `prefix`, ordered by path, beginning after the path `after`. */
export async function* listDocuments(
  root: string,
  prefix: string,
  after: Path | undefined,
  progressed: Progressed = () => {},
): Documents {
  const { document, container } = prefixPaths(prefix);
  if (document !== undefined && (after === undefined || comparePaths(document, after) > 0)) {
    yield* readOne(root, document);
  }
  if (after !== undefined && comparePaths(container, after.slice(0, container.length)) === 0) {
    yield* listContainer(root, container, after.slice(container.length), progressed);
  } else if (after === undefined || comparePaths(container, after) > 0) {
    yield* listContainer(root, container, undefined, progressed);
  }
}

/**
 * Yields the documents in a container.
 *
 * @param after - the rest of the path below this container.
 */
async function* listContainer(
  root: string,
  container: Path,
  after: Path | undefined,
  progressed: Progressed,
): Documents {
  const [first = '', ...rest] = after ?? [];
  const names = (await readNames(directoryOf(root, container))).filter((name) => name >= first).sort();
  yield* inOrder(names, progressed, (name) => {
    const path = [...container, name];
    if (isContainerName(name)) return listContainer(root, path, name === first ? rest : undefined, progressed);
    return isDocumentName(name) && name !== first ? readOne(root, path) : undefined;
  });
}

async function* readOne(root: string, path: Path): Documents {
  const { document } = await new DocumentDirectory(root, path).read();
  if (document !== undefined) yield document;
}

/** Yields the contents of the entries in order, while the next few are being read. */
async function* inOrder(
  names: readonly string[],
  progressed: Progressed,
  open: (name: string) => Documents | undefined,
): Documents {
  const begun: { readonly documents: Documents; readonly first: Promise<IteratorResult<StoredDocument, void>> }[] = [];
  let next = 0;
  try {
    for (;;) {
      for (; begun.length < LOOKAHEAD && next < names.length; next++) {
        const documents = open(names[next] ?? '');
        if (documents === undefined) continue;
        const first = documents.next();
        first.catch(() => undefined);
        begun.push({ documents, first });
      }
      const current = begun[0];
      if (current === undefined) return;
      const first = await current.first;
      progressed();
      if (first.done !== true) {
        yield first.value;
        yield* current.documents;
      }
      begun.shift();
    }
  } finally {
    await Promise.all(begun.map(({ documents }) => documents.return()));
  }
}
