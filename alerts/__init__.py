"""Price alerts: kept by people and programs, judged by live prices, told by event, e-mail and webhook."""
