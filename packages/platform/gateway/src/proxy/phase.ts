/** Where a connection of a client stands, and the request on it. */
export const HEAD = 0
export const DECIDING = 1
export const BODY = 2
export const WAITING = 3
export const TUNNEL = 4
export const LINGERING = 5
export const GONE = 6
