/** Ids of the made-up tenant in the examples. Those of the document derive from its tenant and its name, as they always do. */
export const EXAMPLE_IDS = {
  tenant: "0199a3b0-5c1e-7d40-9a52-3f6e0c8d1b27",
  token: "0199a3b0-9f02-7c13-b1d4-58e2a6c07f91",
  connection: "0199a3b1-2e8f-7a66-8c3b-d09412f7e5a3",
  /** Finished, with a failed item. */
  job: "0199a3b2-44d7-7f08-a9e1-6b7c25d3f084",
  /** Not begun. */
  openJob: "0199a3b3-7b90-7e52-b3f6-1c84d90ae63d",
  webhook: "0199a3b4-1d35-7b9e-8d27-e4f06a913c58",
  source: "e3edd685-957f-5955-89d2-e63cfba1cf6b",
  document: "6b07b401-6d51-5f26-b146-016b97a38ccb",
  version: "5945b876-ee3f-5d57-8b3e-39c8d4d11852",
} as const;
