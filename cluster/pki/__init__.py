"""The cluster's certificate authorities and certificates: who each is for and what it may do."""
