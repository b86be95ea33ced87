/** All of them: the server has no other routes to mind. */
export const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
