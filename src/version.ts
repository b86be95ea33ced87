/** The version in `package.json`. It is repeated here because bundlers of applications leave that file out. */
export const PACKAGE_VERSION = '0.1.0';
