/** The files in `src/page`, as text. `scripts/embed-page.mjs` inserts them in builds and tests. */
export declare const PAGE_HTML: string;
export declare const PAGE_CSS: string;
/** The bundled script of `src/page/main.ts` and its imports. */
export declare const PAGE_SCRIPT: string;
