const ROLES = { TABLE: 'table', THEAD: 'rowgroup', TBODY: 'rowgroup', TR: 'row', TD: 'cell' } as const;

/**
 * Sets the roles of a table explicitly. A table that is displayed as blocks and grids, as on a narrow screen, would
 * otherwise be no table to a screen reader.
 */
export function keepRoles(part: HTMLElement): void {
  for (const node of [part, ...part.querySelectorAll<HTMLElement>('thead, tbody, tr, th, td')]) {
    const role = node.tagName === 'TH' ? headerRole(node) : ROLES[node.tagName as keyof typeof ROLES];
    node.setAttribute('role', role);
  }
}

function headerRole(header: HTMLElement): string {
  return header.getAttribute('scope') === 'row' ? 'rowheader' : 'columnheader';
}
