import type { AuthorizationDocuments } from '../authorizations/authorization-documents.js';

/**
 * Returns the number of accounts whose authorization of a platform has not ended, those included whose code is still to be
 * exchanged.
 *
 * @param most - the number at which the counting ends.
 */
export async function countAuthorizers(
  documents: AuthorizationDocuments,
  component: string,
  most: number,
): Promise<number> {
  const found = new Set<string>();
  // What is pending is read first, because an authorization may follow from it meanwhile.
  for await (const { authorizer } of documents.pending(component)) {
    found.add(authorizer);
    if (found.size >= most) return found.size;
  }
  for await (const { authorizer, state } of documents.ofPlatform(component)) {
    if (state !== 'unauthorized') found.add(authorizer);
    if (found.size >= most) return found.size;
  }
  return found.size;
}
