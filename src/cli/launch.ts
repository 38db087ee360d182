/** What only main.ts can make: threads and the command line of this very program. */
export interface Launch {
  spawnWorker: () => Worker;
  spawnDatabase: () => Worker;
  /** Starts a conversion child. */
  childCommand: string[];
}
