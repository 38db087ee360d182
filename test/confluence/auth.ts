/**
 * Who asks, and what they are told when nobody knows them. Cloud's v1 answers a missing and a rejected credential with
 * 403, its v2 with 404 for single items; scoped tokens work only at the gateway and need the endpoint's scope; Data
 * Center answers 401 and, after a few failed passwords, 403 with a captcha until somebody logs in by hand.
 */
import { type Answer, html, json, missingV2, refusedV1 } from "./answer.ts";

/** One account and everything it can show. */
export interface Account {
  userId: string;
  email: string;
  username: string;
  /** Cloud, with the e-mail in Basic. */
  apiToken: string;
  /** Cloud, only at the gateway: with the e-mail in Basic, or as Bearer. */
  scopedToken: string;
  scopes: string[];
  /** Data Center, as Bearer. */
  pat: string;
  /** Data Center, with the user name in Basic. */
  password: string;
  /** False: a valid account without access to the product. */
  siteAccess: boolean;
}

export const READ_SCOPES = [
  "read:space:confluence",
  "read:page:confluence",
  "read:comment:confluence",
  "read:attachment:confluence",
  "readonly:content.attachment:confluence",
  "read:content-details:confluence",
  "search:confluence",
  "read:user:confluence",
  "read:confluence-user",
  "read:hierarchical-content:confluence",
  "read:folder:confluence",
];

/** Every path of the gateway with the scopes of which one is needed, as published per operation. */
const NEEDED: [RegExp, string[]][] = [
  [/\/download$/, ["readonly:content.attachment:confluence", "read:attachment:confluence"]],
  [/comments/, ["read:comment:confluence"]],
  [/\/attachments?(\/|$)/, ["read:attachment:confluence", "read:content-details:confluence"]],
  [/\/labels?$/, ["read:page:confluence", "read:content-details:confluence"]],
  [
    /\/(direct-)?children$|\/descendants$|\/ancestors$/,
    ["read:hierarchical-content:confluence", "read:page:confluence", "read:content-details:confluence"],
  ],
  [/\/users?(\/|-bulk|$)/, ["read:user:confluence", "read:confluence-user", "read:content-details:confluence"]],
  [/\/search$/, ["search:confluence", "read:content-details:confluence"]],
  [/\/folders/, ["read:folder:confluence"]],
  [/\/blogposts/, ["read:page:confluence"]],
  [/\/pages/, ["read:page:confluence"]],
  [/\/spaces?/, ["read:space:confluence"]],
];

export type Door = "cloud-v1" | "cloud-v2" | "cloud-other" | "gateway" | "datacenter";
export type Entrance = { userId: string } | { answer: Answer };

interface Shown {
  scheme: "basic" | "bearer" | "unreadable" | "none";
  user: string;
  secret: string;
}

function shown(header: string | null): Shown {
  const match = /^(Basic|Bearer) +(\S+)$/i.exec(header ?? "");
  if (!match) return { scheme: header ? "unreadable" : "none", user: "", secret: "" };
  if (match[1]!.toLowerCase() === "bearer") return { scheme: "bearer", user: "", secret: match[2]! };
  const decoded = Buffer.from(match[2]!, "base64").toString();
  const colon = decoded.indexOf(":");
  if (colon < 0 || decoded.includes("\ufffd")) return { scheme: "unreadable", user: "", secret: "" };
  return { scheme: "basic", user: decoded.slice(0, colon), secret: decoded.slice(colon + 1) };
}

const TOMCAT_401 =
  "<html><head><title>HTTP Status 401 - Unauthorized</title></head><body><h1>HTTP Status 401 - Unauthorized</h1></body></html>";

export class Gatekeeper {
  /** Failed passwords by user name; 3 of them lock it (set to 0 by hand to unlock). */
  readonly failedLogins = new Map<string, number>();
  captchaAfter = 3;

  constructor(readonly accounts: Account[]) {}

  enter(door: Door, header: string | null, path: string, siteUrl: string): Entrance {
    const credential = shown(header);
    if (door === "gateway") return this.#gateway(credential, path);
    if (door === "datacenter") return this.#dataCenter(credential, siteUrl);
    if (credential.scheme === "unreadable") return { answer: html(TOMCAT_401, 401) };
    const account =
      credential.scheme === "basic"
        ? this.accounts.find((one) => one.email === credential.user && one.apiToken === credential.secret)
        : undefined;
    if (account && !account.siteAccess)
      return {
        answer: json({ message: "Current user not permitted to use Confluence", statusCode: 403 }, 403, {
          Server: "AtlassianEdge",
        }),
      };
    if (account) return { userId: account.userId };
    if (door !== "cloud-v2")
      return {
        answer: refusedV1(
          403,
          'com.atlassian.confluence.mvc.rest.common.exception.StacklessResponseStatusException: 403 FORBIDDEN "Request rejected because caller cannot access Confluence"',
        ).answer,
      };
    if (/\/\d+$/.test(path)) return { answer: missingV2().answer };
    return {
      answer: json({ errors: [{ status: 401, code: "UNAUTHORIZED", title: "Unauthorized", detail: null }] }, 401),
    };
  }

  #gateway(credential: Shown, path: string): Entrance {
    const account = this.accounts.find(
      (one) =>
        one.scopedToken === credential.secret && (credential.scheme === "bearer" || one.email === credential.user),
    );
    if (!account) return { answer: json({ code: 401, message: "Unauthorized" }, 401) };
    const needed = NEEDED.find(([pattern]) => pattern.test(path))?.[1];
    if (!needed || needed.some((scope) => account.scopes.includes(scope))) return { userId: account.userId };
    return {
      answer: json({ code: 401, message: "Unauthorized; scope does not match" }, 401, {
        "X-Failure-Category": "FAILURE_CLIENT_SCOPE_CHECK",
      }),
    };
  }

  #dataCenter(credential: Shown, siteUrl: string): Entrance {
    if (credential.scheme === "none")
      return {
        answer: json({ message: "Client must be authenticated to access this resource.", "status-code": 401 }, 401),
      };
    if (credential.scheme === "bearer") {
      const account = this.accounts.find((one) => one.pat === credential.secret);
      return account ? { userId: account.userId } : { answer: html(TOMCAT_401, 401) };
    }
    const failed = this.failedLogins.get(credential.user) ?? 0;
    if (failed >= this.captchaAfter) return { answer: captcha(siteUrl) };
    const account = this.accounts.find((one) => one.username === credential.user && one.password === credential.secret);
    if (account) {
      this.failedLogins.delete(credential.user);
      return { userId: account.userId };
    }
    this.failedLogins.set(credential.user, failed + 1);
    const page = TOMCAT_401.replace(
      "</h1>",
      "</h1><p><b>Message</b> Basic Authentication Failure - Reason : AUTHENTICATED_FAILED</p>",
    );
    return {
      answer: html(page, 401, {
        "X-Seraph-LoginReason": "AUTHENTICATED_FAILED",
        "WWW-Authenticate": 'Basic realm="protected-area"',
      }),
    };
  }
}

export const captcha = (siteUrl: string): Answer =>
  html("<html><body>Forbidden</body></html>", 403, {
    "X-Seraph-LoginReason": "AUTHENTICATION_DENIED",
    "X-Authentication-Denied-Reason": `CAPTCHA_CHALLENGE; login-url=${siteUrl}/login.action`,
  });
