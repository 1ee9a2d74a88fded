/** Where services under test run when that is not the test's own process. */
export type Place = {
  /** As messages say it: `a process of its own`. */
  readonly name: string
  /** Starts services of the system that is there, as a part of a system on this directory. */
  readonly begin: (world: PlaceWorld) => Promise<Placed>
}

export type PlaceWorld = {
  /** Of the test: the registry, the way to the fakes and the broker are there, and so are the data of the services. */
  readonly directory: string
  readonly services: readonly string[]
  /** Told of each line that it writes. */
  readonly onLine: (line: string) => void
}

/** Services that run somewhere else. */
export type Placed = {
  /** Resolves with why when they have ended, however that came. */
  readonly ended: Promise<string>
  readonly kill: () => Promise<void>
  readonly freeze: () => void
  readonly thaw: () => void
  /** Has them finish what is under way; ends them after so many milliseconds. */
  readonly stop: (timeout: number) => Promise<void>
}
