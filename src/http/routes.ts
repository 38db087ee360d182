/** Every route of the API, in the order of its description. */
import { adminRoutes } from "./admin_routes.ts";
import { connectionRoutes } from "./connection_routes.ts";
import { contentRoutes } from "./content_routes.ts";
import { documentRoutes } from "./document_routes.ts";
import { healthRoutes } from "./health_routes.ts";
import { jobRoutes } from "./job_routes.ts";
import type { Route } from "./route.ts";
import { scheduleRoutes } from "./schedule_routes.ts";
import { searchRoute } from "./search_route.ts";
import { syncRoute } from "./sync_route.ts";
import { uploadRoute } from "./upload_route.ts";
import { webhookRoutes } from "./webhook_routes.ts";

export const ROUTES: readonly Route[] = [
  syncRoute,
  uploadRoute,
  ...jobRoutes,
  ...documentRoutes,
  ...contentRoutes,
  searchRoute,
  ...connectionRoutes,
  ...scheduleRoutes,
  ...webhookRoutes,
  ...adminRoutes,
  ...healthRoutes,
];
