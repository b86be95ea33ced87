/** That of `package.json`. Not read from there: whoever bundles this package leaves that file behind. */
export const PACKAGE_VERSION = '0.1.0';
