// The types of playwright-core name these. No test has a DOM: tests query a page through locators.
declare type Node = object;
declare type HTMLElement = object;
declare type SVGElement = object;
declare type HTMLElementTagNameMap = Record<string, object>;
