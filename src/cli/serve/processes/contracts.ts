/** The contracts of the server, which are all there are. It has no other routes that could collide with theirs. */
export const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
