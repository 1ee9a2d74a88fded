/** Where doors listen when their options leave it open. */

/** This machine alone; where the environment says `DURE_HOST`, that: a container is a host of its own, and its image says `0.0.0.0`. */
export function hostOfEnvironment(): string {
  const given = process.env['DURE_HOST']
  return given === undefined || given === '' ? '127.0.0.1' : given
}

/** What many platforms say by `PORT`. @param door as its error names it. @throws {Error} when it is no port */
export function portOfEnvironment(door: string): number | undefined {
  const given = process.env['PORT']
  if (given === undefined || given === '') return undefined
  const port = Number(given)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new Error(`Cannot open the ${door}: the environment variable PORT is "${given}"; give a number from 0 to 65535`)
}
