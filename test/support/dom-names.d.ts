// The types of playwright-core name these. No test has a DOM: what it asks of a page, it asks through locators.
declare type Node = object;
declare type HTMLElement = object;
declare type SVGElement = object;
declare type HTMLElementTagNameMap = Record<string, object>;
