/** The types of the tokens that callers of this contract present, other than `access_token`. */
export const COMPONENT_TYPE = 'component_access_token';
export const AUTHORIZER_TYPE = 'authorizer_access_token';
/** The type of the tokens of users. */
export const USER_TYPE = 'oauth2_access_token';
