/** All of them: the server has nobody else's routes to mind. */
export const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
