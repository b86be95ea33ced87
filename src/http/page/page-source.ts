/** The files in `src/page`, as text. `scripts/embed-page.mjs` puts them here wherever this is built or tested. */
export declare const PAGE_HTML: string;
export declare const PAGE_CSS: string;
/** The script that bundles `src/page/main.ts` and its imports. */
export declare const PAGE_SCRIPT: string;
