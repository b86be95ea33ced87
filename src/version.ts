/** The version in `package.json`. It is not read from there: a bundle of an application leaves that file behind. */
export const PACKAGE_VERSION = '0.1.0';
