import type { MerchantPage } from './merchant-page.js';

/** A page before the language of the visitor is known. */
export type PageContent = Omit<MerchantPage, 'language'>;

/** Ends the answering of a request with a page. */
export class PageInstead extends Error {
  readonly page: PageContent;

  constructor(page: PageContent) {
    super(page.name);
    this.page = page;
  }
}
