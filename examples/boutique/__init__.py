"""The Online Boutique: a shop of eleven services, and the tour of what Homeport does.

Run it with ``homeport run examples/boutique``; shop with ``python -m examples.boutique.load``.

===============  ===========================================  =============================================
service          what it does                                 what it shows of Homeport
===============  ===========================================  =============================================
frontend         gathers the pages a shopper sees             public methods, calls side by side, fallbacks
product_catalog  knows the products                           a method that streams
currency         converts prices                              replicas, balanced calls
cart             remembers what each shopper chose            a singleton with state
inventory        holds goods back for an order                no race between two awaits
payment          charges and refunds cards                    typed errors, calls that may be repeated
shipping         quotes and ships                             idempotent methods
checkout         places an order, or undoes every step of it  ``route_by``, a saga
email            writes the confirmation                      an optional step
recommendation   suggests more                                ``startup()``, a dependency found by its use
ad               shows an advertisement                       the smallest service
===============  ===========================================  =============================================
"""
